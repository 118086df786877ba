-- Runs once, when the database is made: the role with which the dashboard looks.
\set password `cat /secrets/reader/password`
CREATE ROLE studyhall_reader LOGIN PASSWORD :'password';
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO studyhall_reader;
