#!/bin/sh
# Run by PostgreSQL's image on an empty volume, and by hand where the machine is another (database.yaml).
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" \
    --set log_password="$(cat /run/secrets/log_password)" \
    --set mlflow_password="$(cat /run/secrets/mlflow_password)" \
    --file /etc/storecast/databases.sql
