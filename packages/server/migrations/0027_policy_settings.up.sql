-- contract 0.1, unused since 0.0
-- Not used: no version reads or writes it. The settings of the profile `custom` are those of the server.
alter table latchkey.security_policies drop column password_settings;
