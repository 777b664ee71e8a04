"""Why does a splice-site predictor get these sites wrong?"""
