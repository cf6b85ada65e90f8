-- expand 0.1
-- By what apps with pairwise subjects know a user (OpenID Connect Core §8.1): the same at the apps of one sector, which is the owner of
-- an app and the host of its redirect URIs. Random and stored, so that no secret of the server is behind it, and none can change it.
create table latchkey.pairwise_subjects (
  user_id text not null references latchkey.users on delete cascade,
  sector text not null,
  subject text not null unique,
  created_at timestamptz not null,
  primary key (user_id, sector)
);
alter table latchkey.pairwise_subjects enable row level security;
alter table latchkey.pairwise_subjects force row level security;
create policy system on latchkey.pairwise_subjects to latchkey_system using (true) with check (true);
