drop table latchkey.used_challenges;
drop table latchkey.passkey_handles;
drop table latchkey.passkey_credentials;
delete from latchkey.factors where kind = 'passkey';
