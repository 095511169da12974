"""How steps spread over devices: layout.py says where arrays lie, compile.py compiles steps for it."""
