-- Not used: no version reads or writes it. The settings of the profile `custom` are those of the server.
alter table latchkey.security_policies drop column password_settings;
