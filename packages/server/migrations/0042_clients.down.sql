drop table latchkey.resources;
drop table latchkey.client_secrets;
drop table latchkey.clients;
drop function latchkey.tell_changed_client();
