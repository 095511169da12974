"""What a model looks at: functions of a model and arrays, and what an evaluation stores of them for its report."""
