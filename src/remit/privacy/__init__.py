"""What people may ask of whoever holds data of them: all of it in a file, and that it be erased, with a receipt."""
