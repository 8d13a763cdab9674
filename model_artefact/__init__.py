"""Model artefacts of other people's encoders: imported, checked and calibrated."""
