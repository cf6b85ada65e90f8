delete from latchkey.revocations where kind in ('family', 'client');
alter table latchkey.revocations drop constraint revocations_kind_check;
alter table latchkey.revocations add constraint revocations_kind_check
  check (kind in ('jti', 'sid', 'sub', 'key', 'role', 'org'));
delete from latchkey.token_families where client_id is not null;
alter table latchkey.token_families
  drop constraint token_families_kind,
  drop column client_id, drop column grant_id, drop column scopes, drop column resources, drop column claims,
  drop column dpop_jkt, drop column expires_at, drop column authenticated_at, drop column acr, drop column amr,
  drop column proofs, drop column organization_id,
  alter column session_id set not null;
drop table latchkey.client_sessions;
drop table latchkey.authorization_codes;
drop table latchkey.authorization_requests;
drop table latchkey.grants;
