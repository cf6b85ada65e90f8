-- contract 0.1, unused since 0.0
-- The access of an app that was taken away. The row stays, because deleting it would take its families with it, which rotations
-- lock in another order.
alter table latchkey.grants add column withdrawn_at timestamptz;
create index grants_listed on latchkey.grants (user_id, created_at desc, id desc) where withdrawn_at is null;

-- A session signs in to an app again after the app has had a message that it ended, such as when the user has removed its access: a
-- later end is another message.
alter table latchkey.logout_deliveries drop constraint logout_deliveries_session_id_client_id_key;
create unique index logout_deliveries_open on latchkey.logout_deliveries (session_id, client_id) where outcome is null;

-- families that outlive their session are deleted some time after their end
create index token_families_end on latchkey.token_families (expires_at) where session_id is null;
