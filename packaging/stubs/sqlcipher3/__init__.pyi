# sqlcipher3 is published without types; its one module mirrors the standard library's sqlite3.
