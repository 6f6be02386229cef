"""How the families of models write calls. One family is a row of `table`; a new way to write a body is a file here."""
