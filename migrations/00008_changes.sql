-- What becomes of subscriptions from a day on, as the shop plans it. A shop may have a view of this name before: it is left as it is. Every
-- statement can be run again after it was killed.

-- +goose Up

-- kind is pause, resume, cancel, amount, one_off_amount, interval or method; value is what the last four need. duly writes applied_at and outcome:
-- what became of the change, or, while applied_at is NULL, why it cannot be applied.
CREATE TABLE IF NOT EXISTS subscription_changes (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  subscription_id BIGINT UNSIGNED NOT NULL,
  effective_date DATE NOT NULL,
  kind VARCHAR(20) NOT NULL,
  value VARCHAR(255) NULL,
  note VARCHAR(255) NULL,
  applied_at DATETIME(6) NULL,
  outcome VARCHAR(255) NULL,
  KEY due (applied_at, effective_date, subscription_id),
  KEY by_subscription (subscription_id, applied_at, effective_date)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down

DROP TABLE IF EXISTS subscription_changes;
