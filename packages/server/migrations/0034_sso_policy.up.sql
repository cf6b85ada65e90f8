-- expand 0.1
-- checked credentials in memory contain by which connections members have to sign in (migration 0018)
create trigger tell_insert after insert on latchkey.connections for each row
  when (new.organization_id is not null)
  execute function latchkey.tell_changed_organization();
create trigger tell_update after update of status on latchkey.connections for each row
  when (new.organization_id is not null and old.status is distinct from new.status)
  execute function latchkey.tell_changed_organization();
create trigger tell_delete after delete on latchkey.connections for each row
  when (pg_trigger_depth() = 0 and old.organization_id is not null)
  execute function latchkey.tell_changed_organization();
create trigger tell_insert after insert on latchkey.organization_domains for each row
  when (new.verified_at is not null)
  execute function latchkey.tell_changed_organization();
create trigger tell_update after update of verified_at on latchkey.organization_domains for each row
  when (old.verified_at is distinct from new.verified_at)
  execute function latchkey.tell_changed_organization();
create trigger tell_delete after delete on latchkey.organization_domains for each row
  when (pg_trigger_depth() = 0 and old.verified_at is not null)
  execute function latchkey.tell_changed_organization();

-- when it was noticed that members need not sign in by a connection any more, because there is none; null: they have to
alter table latchkey.security_policies add column sso_lapsed_at timestamptz;
create index security_policies_sso on latchkey.security_policies (organization_id)
  where sign_in = 'sso_required' or sso_lapsed_at is not null;

-- Sessions of owners that act in an organization without the connection that it requires: recorded once for each.
create table latchkey.sso_bypasses (
  session_id text not null references latchkey.sessions on delete cascade,
  organization_id text not null references latchkey.organizations on delete cascade,
  at timestamptz not null,
  primary key (session_id, organization_id)
);
create index sso_bypasses_organization on latchkey.sso_bypasses (organization_id);
alter table latchkey.sso_bypasses enable row level security;
alter table latchkey.sso_bypasses force row level security;
create policy system on latchkey.sso_bypasses to latchkey_system using (true) with check (true);
create policy reads on latchkey.sso_bypasses for select to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('security:read')));

-- Members whom an organization removed: a connection does not make them members again.
create table latchkey.removed_members (
  organization_id text not null references latchkey.organizations on delete cascade,
  user_id text not null references latchkey.users on delete cascade,
  removed_at timestamptz not null,
  primary key (organization_id, user_id)
);
create index removed_members_user on latchkey.removed_members (user_id);
alter table latchkey.removed_members enable row level security;
alter table latchkey.removed_members force row level security;
create policy system on latchkey.removed_members to latchkey_system using (true) with check (true);
create policy reads on latchkey.removed_members for select to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('members:read')));

-- the connection by whose sign-in the membership was made; null: by an invitation, or by the owner
alter table latchkey.memberships add column joined_by text references latchkey.connections on delete set null;
create index memberships_joined_by on latchkey.memberships (joined_by) where joined_by is not null;
