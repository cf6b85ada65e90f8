-- expand 0.1
-- The families of an app end in parts, in the order of their ids: each part begins where the one before has ended.
drop index latchkey.token_families_client;
create index token_families_client on latchkey.token_families (client_id, id) where client_id is not null;
