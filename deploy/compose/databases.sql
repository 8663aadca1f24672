-- The two databases, each with an owner that sees no other. Run once, on an empty volume, with both passwords
-- as variables.
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
CREATE ROLE storecast LOGIN PASSWORD :'log_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
-- Who makes them need not be a superuser, as nobody is on RDS: databases are given to roles that one may become.
GRANT storecast, mlflow TO CURRENT_USER;
CREATE DATABASE storecast OWNER storecast;
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT, TEMPORARY ON DATABASE storecast FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE mlflow FROM PUBLIC;
