# Workers of Apache Beam that answer texts: Beam's own image with the project and the models inside.
# docker build -f deployment/workers.Dockerfile -t recurrent-applications-workers:1 .
# Python and Beam must be those of the machine that submits jobs.
ARG PYTHON=3.11
ARG BEAM=2.77.0
FROM apache/beam_python${PYTHON}_sdk:${BEAM}
ARG BEAM
COPY pyproject.toml README.md LICENSE /project/
COPY common /project/common
COPY applications /project/applications
# Named once more, so that pip keeps the Beam that is there.
RUN pip install --no-cache-dir "/project[scale_out]" "apache-beam==${BEAM}"
COPY saved_models /models
ENV RECURRENT_APPLICATIONS_MODELS=/models
# The image's own entry point starts the worker.
