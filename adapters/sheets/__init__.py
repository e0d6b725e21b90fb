"""Tables that clerks keep: looked through for what a spreadsheet spoils, given back with a verdict beside each row."""
