"""Agreement files on the desk: check, preview, sign, export. No database, no network."""
