"""Times and scores the forecaster beside StatsForecast's and NeuralForecast's models on the same steps."""
