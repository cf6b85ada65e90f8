drop index latchkey.token_families_client;
create index token_families_client on latchkey.token_families (client_id) where client_id is not null;
