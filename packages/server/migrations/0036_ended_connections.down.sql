drop index latchkey.identities_tokens_from;
alter table latchkey.identities drop column tokens_from;
drop index latchkey.sessions_federated;
create policy reads on latchkey.removed_members for select to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('members:read')));
create policy reads on latchkey.sso_bypasses for select to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('security:read')));
alter table latchkey.connections drop column by_operator;
update latchkey.memberships m set joined_by = null
  where joined_by is not null and not exists (select from latchkey.connections c where c.id = m.joined_by);
alter table latchkey.memberships add constraint memberships_joined_by_fkey
  foreign key (joined_by) references latchkey.connections on delete set null;
create index memberships_joined_by on latchkey.memberships (joined_by) where joined_by is not null;
