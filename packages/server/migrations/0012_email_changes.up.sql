-- expand 0.1
-- A change of address waits at a link that names the new address. The old address stays claimed, as one that is not
-- primary, as long as a link can restore it. `not valid`: every row meets the narrower check that it replaces.
alter table latchkey.links add column address text;
alter table latchkey.links add column address_key text;
alter table latchkey.links drop constraint links_purpose_check;
alter table latchkey.links add constraint links_purpose_check
  check (purpose in ('verify_email', 'reset_password', 'setup', 'change_email', 'undo_email')) not valid;
create index links_address on latchkey.links (address_key, created_at) where address_key is not null;
create index emails_kept on latchkey.emails (created_at) where not is_primary;
create index emails_kept_of_user on latchkey.emails (user_id) where not is_primary;
