-- Notices before a charge: what was told of which date, and the last day of a payment method. Each statement can be run again after it was killed. A
-- subscriptions that is a view of the shop's stays as it is: a column that it lacks is NULL.

-- +goose Up

-- kind is upcoming, of the due date for_date, or expiring, of the last day for_date. Its event has dedupe_key.
CREATE TABLE IF NOT EXISTS notices (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  subscription_id BIGINT UNSIGNED NOT NULL,
  kind VARCHAR(20) NOT NULL,
  for_date DATE NOT NULL,
  no INT NOT NULL,
  amount BIGINT NOT NULL,
  currency CHAR(3) NOT NULL,
  dedupe_key VARCHAR(191) NOT NULL,
  created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  UNIQUE KEY once (subscription_id, kind, for_date, no),
  KEY old (kind, for_date)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.tables
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND table_type = 'BASE TABLE') > 0
  AND (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND column_name = 'method_expires_on') = 0,
  'ALTER TABLE subscriptions ADD COLUMN method_expires_on DATE NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose Down

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.tables
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND table_type = 'BASE TABLE') > 0
  AND (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND column_name = 'method_expires_on') > 0,
  'ALTER TABLE subscriptions DROP COLUMN method_expires_on',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

DROP TABLE IF EXISTS notices;
