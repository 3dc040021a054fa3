"""A whole class: who is graded by whom (`local`, `cluster`), what is known already (`ledger`), what comes out."""
