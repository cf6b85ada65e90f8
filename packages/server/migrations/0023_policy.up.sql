-- expand 0.1
-- What an organization demands of those who act in it. An organization without a row demands nothing.
create table latchkey.security_policies (
  organization_id text primary key references latchkey.organizations on delete cascade,
  -- one more at each change: a change that names an older version is refused
  version int not null default 1,
  mode text not null default 'disabled'
    check (mode in ('disabled', 'optional', 'require_totp', 'require_passkey', 'require_any')),
  grace_days int not null default 14 check (grace_days between 0 and 365),
  notify_days_before int[] not null default '{7,1}',
  allowed_methods text[] not null default '{totp,passkey,backup_code}',
  session_absolute_seconds int check (session_absolute_seconds > 0),
  password_profile text check (password_profile in ('nist', 'classic', 'pci', 'custom')),
  password_settings jsonb,
  sign_in text not null default 'any' check (sign_in in ('any', 'sso_required')),
  -- when the demand began or was last tightened: the days of grace count from here
  since timestamptz,
  updated_at timestamptz not null,
  updated_by text references latchkey.users on delete set null
);
create index security_policies_updated_by on latchkey.security_policies (updated_by);

alter table latchkey.memberships
  add column mfa text not null default 'inherit'
    check (mfa in ('inherit', 'required', 'exempt', 'force_totp', 'force_passkey')),
  -- when the member's own demand began or was tightened
  add column mfa_since timestamptz,
  -- when a member past the due date was first stopped
  add column mfa_stopped_at timestamptz,
  -- the due date that the last e-mail was about, and how many days before it that was
  add column mfa_reminded_due timestamptz,
  add column mfa_reminded int;

alter table latchkey.security_policies enable row level security;
alter table latchkey.security_policies force row level security;
create policy system on latchkey.security_policies to latchkey_system using (true) with check (true);
create policy reads on latchkey.security_policies for select to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('security:read')));
-- that of every organization that one belongs to
create policy own on latchkey.security_policies for select to latchkey_request
  using (organization_id in (
    select m.organization_id from latchkey.memberships m where m.user_id = (select latchkey.user_id())));
create policy creates on latchkey.security_policies for insert to latchkey_request
  with check (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('security:write'))
    and (updated_by is null or updated_by = (select latchkey.user_id())));
create policy updates on latchkey.security_policies for update to latchkey_request
  using (organization_id = (select latchkey.organization_id())
    and (select latchkey.has_organization_permission('security:write')))
  with check (organization_id = (select latchkey.organization_id())
    and (updated_by is null or updated_by = (select latchkey.user_id())));
grant select, insert on latchkey.security_policies to latchkey_request;
grant update (version, mode, grace_days, notify_days_before, allowed_methods, session_absolute_seconds,
  password_profile, sign_in, since, updated_at, updated_by) on latchkey.security_policies to latchkey_request;

-- checked credentials in memory contain the policy (migration 0018)
create trigger tell_insert after insert on latchkey.security_policies for each row
  execute function latchkey.tell_changed_organization();
create trigger tell_update after update on latchkey.security_policies for each row
  execute function latchkey.tell_changed_organization();
create trigger tell_delete after delete on latchkey.security_policies for each row
  when (pg_trigger_depth() = 0)
  execute function latchkey.tell_changed_organization();
-- reminders, and that a member was stopped, change no credential
drop trigger tell_update on latchkey.memberships;
create trigger tell_update after update on latchkey.memberships for each row
  when ((old.organization_id, old.user_id, old.role, old.joined_at, old.mfa, old.mfa_since) is distinct from
    (new.organization_id, new.user_id, new.role, new.joined_at, new.mfa, new.mfa_since))
  execute function latchkey.tell_changed_user();
