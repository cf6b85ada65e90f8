-- without their line, these keys would sign and verify access tokens
delete from latchkey.signing_keys where line = 'id_token';
alter table latchkey.signing_keys drop constraint signing_keys_id_token, drop column line;
