"""The next best action: who may have what (`eligible`), what it is worth (`score`), which it is (`choose`), what came of it
(`attribute`), and whether choosing by person pays at all (`evaluate`)."""
