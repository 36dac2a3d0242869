# Layers, lowest first: base, slots, rows, symbol, objects, out.
