-- expand 0.1
-- Marks an address that was registered while LATCHKEY_EMAIL_VERIFICATION was off and has not been proven since. The first
-- proof of it ends everything that was set up before. False for addresses that an administrator or an import has given.
alter table latchkey.emails add column is_unproven boolean not null default false;
