-- expand 0.1
-- Administration: locks, searching people, reading the audit log; every variant of a list on an index. Under row-level
-- security only comparisons that leak nothing reach an index: of text that is = < <= >= >, not LIKE and not @>.

-- locked by an administrator: nothing of the account works until then, or until it is unlocked where that is null
alter table latchkey.users
  add column locked_at timestamptz,
  add column locked_until timestamptz,
  -- the canonical spelling of the name, for searching
  add column name_key text,
  add constraint users_lock check (locked_until is null or locked_at is not null);
-- as near as SQL comes to the server's own canonical spelling
update latchkey.users set name_key = lower(normalize(full_name, NFKC)) where full_name is not null;
grant update (name_key) on latchkey.users to latchkey_request;

-- no index of a condition is in this order: where a condition takes all rows by what the planner knows, and none in
-- truth, it would otherwise be looked for along all of them
create index users_created on latchkey.users (created_at nulls first, id);
create index users_status on latchkey.users (status, created_at, id);
create index users_locked on latchkey.users (created_at, id) where locked_at is not null;
create index users_search_username on latchkey.users (username_key collate "C", id) where username_key is not null;
create index users_search_name on latchkey.users (name_key collate "C", id) where name_key is not null;
create index emails_search on latchkey.emails (address_key collate "C", user_id) where is_primary;

-- Who holds a role, told by users.roles: an array under an index of its own is out of a caller's reach.
create table latchkey.role_holders (
  role text not null,
  user_id text not null references latchkey.users on delete cascade,
  created_at timestamptz not null,
  primary key (user_id, role)
);
insert into latchkey.role_holders (role, user_id, created_at)
  select distinct held.role, u.id, u.created_at from latchkey.users u, unnest(u.roles) as held (role);
create index role_holders_role on latchkey.role_holders (role, created_at, user_id);

create function latchkey.hold_roles() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    delete from latchkey.role_holders where user_id = new.id and role <> all (new.roles);
  end if;
  insert into latchkey.role_holders (role, user_id, created_at)
    select distinct held.role, new.id, new.created_at from unnest(new.roles) as held (role)
    on conflict do nothing;
  return null;
end $$;
create trigger users_roles_added after insert on latchkey.users for each row execute function latchkey.hold_roles();
create trigger users_roles_changed after update of roles on latchkey.users for each row
  when (old.roles is distinct from new.roles) execute function latchkey.hold_roles();

alter table latchkey.role_holders enable row level security;
alter table latchkey.role_holders force row level security;
create policy system on latchkey.role_holders to latchkey_system using (true) with check (true);
create policy administers on latchkey.role_holders for select to latchkey_request
  using ((select latchkey.has_permission('users:read')));
grant select on latchkey.role_holders to latchkey_request;

alter table latchkey.sessions drop constraint sessions_end_reason_check;
alter table latchkey.sessions add constraint sessions_end_reason_check
  check (end_reason in ('expired', 'signed_out', 'revoked', 'password_changed', 'disabled', 'locked', 'email_changed'));

-- which counters are of one account, known or not, so that all of them can be cleared
alter table latchkey.failures add column account text;
create index failures_account on latchkey.failures (account) where account is not null;

-- the audit log by everything it holds, the newest first
drop index latchkey.audit_events_at;
drop index latchkey.audit_events_user;
drop index latchkey.audit_events_organization;
create index audit_events_at on latchkey.audit_events (at nulls first, id); -- as users_created
create index audit_events_type on latchkey.audit_events (event_type, at, id);
create index audit_events_user on latchkey.audit_events (user_id, at, id) where user_id is not null;
create index audit_events_username on latchkey.audit_events (username, at, id) where username is not null;
create index audit_events_address on latchkey.audit_events (ip_address, at, id) where ip_address is not null;
create index audit_events_session on latchkey.audit_events (session_id, at, id) where session_id is not null;
create index audit_events_organization on latchkey.audit_events (organization_id, at, id) where organization_id is not null;
create index audit_events_request on latchkey.audit_events (request_id, at, id) where request_id is not null;
