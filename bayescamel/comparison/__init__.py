"""How good a law is: scores, horizons held out, cross-validation, averages of laws."""
