"""The protocol (append, intent, lease, take-over, settle) explored exhaustively for small cases.

The code that runs is Remit's own: `App.advance`, `App.answer` and `App.cancel`, the loop, act and settle, `Journal` with its
group commit, and `Leases` with its beats. What is simulated is around it: the event loop and the clock (`loop.py`), the
database's answers to the few statements that are sent to it (`tables.py`), the machines, the person and the system
where effects happen (`world.py`). `explore.py` tries every order of what may happen; `judge.py` says what must hold.

What it takes for granted: a statement is answered before a lease ends, unless that is the fault tried; what is on its way to the
system outside arrives, or is lost, before a successor's second look (`Settle.after`); `now()` and idle times of the index are
passed over. `test_lease_machine.py` and `test_lease_rules.py` hold the leases to the same on the real database.
"""
