drop table latchkey.limit_windows;
alter table latchkey.failures drop column level, drop column total;
delete from latchkey.links where purpose in ('unlock', 'not_me');
alter table latchkey.links drop constraint links_purpose_check;
alter table latchkey.links add constraint links_purpose_check
  check (purpose in ('verify_email', 'reset_password', 'setup', 'change_email', 'undo_email', 'magic_link'));
