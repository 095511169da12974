"""Steps on several devices: layout.py has where arrays lie, compile.py compiles a step, dispatch.py sends several."""
