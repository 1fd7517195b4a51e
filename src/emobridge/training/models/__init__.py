"""The networks: encoders that are trained here, bridge-token fusion, ensembles, and modality dropout."""
