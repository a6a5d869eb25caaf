"""PostgreSQL: the embedded server or yours, the pool, the migrations, the doctor.

Nothing is imported here: the driver and the pool load with `remit.store.store`, when a store is opened.
"""
