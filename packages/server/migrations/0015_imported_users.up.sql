-- expand 0.1
-- Which record of which system an imported user came from: an import can be repeated and continued, and nothing is doubled.
create table latchkey.imported_users (
  source text not null,
  external_id text not null,
  user_id text not null references latchkey.users on delete cascade,
  -- of the record as it was read; an equal one changes nothing
  digest bytea not null,
  imported_at timestamptz not null,
  primary key (source, external_id)
);
create index imported_users_user on latchkey.imported_users (user_id);

alter table latchkey.imported_users enable row level security;
alter table latchkey.imported_users force row level security;
create policy system on latchkey.imported_users to latchkey_system using (true) with check (true);
