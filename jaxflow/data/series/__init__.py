"""Time series: read from tables, divided into windows, forecast naively."""
