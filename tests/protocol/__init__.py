"""The protocol (append, intent, lease, take-over, settle) explored exhaustively for small cases.

The code that runs is Remit's own: `App.advance`, `App.answer` and `App.cancel`, the loop, act and settle, `Journal` with its
group commit, and `Leases` with its beats. What is simulated is around it: the event loop and the clock (`loop.py`), the
database's answers to the few statements that are sent to it (`tables.py`), the machines, the person and the system
where effects happen (`world.py`). `explore.py` tries every order of what may happen; `judge.py` says what must hold.
"""
