drop table latchkey.certificate_warnings;
drop table latchkey.saml_metadata;
drop table latchkey.saml_sessions;
drop table latchkey.used_assertions;
drop table latchkey.connection_keys;
