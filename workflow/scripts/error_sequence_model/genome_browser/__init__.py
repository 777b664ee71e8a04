"""Maps and predictions on the genome: coordinates, rows, files."""
