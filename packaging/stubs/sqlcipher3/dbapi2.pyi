# The types of sqlite3, by the same names. At run time the classes differ: catch sqlcipher3.dbapi2's own errors.
from sqlite3.dbapi2 import *  # noqa: F403 - all of it
