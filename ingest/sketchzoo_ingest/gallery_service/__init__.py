"""The gallery service: photos come and go one by one, by the ingest job's own rules."""
