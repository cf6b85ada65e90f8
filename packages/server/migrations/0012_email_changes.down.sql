drop index latchkey.emails_kept;
drop index latchkey.emails_kept_of_user;
drop index latchkey.links_address;
delete from latchkey.emails where not is_primary;
delete from latchkey.links where purpose in ('change_email', 'undo_email');
alter table latchkey.links drop constraint links_purpose_check;
alter table latchkey.links add constraint links_purpose_check
  check (purpose in ('verify_email', 'reset_password', 'setup'));
alter table latchkey.links drop column address_key;
alter table latchkey.links drop column address;
