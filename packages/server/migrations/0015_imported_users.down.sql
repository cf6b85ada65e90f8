drop table latchkey.imported_users;
