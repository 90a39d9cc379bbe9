package core

import "testing"

func TestADefinitionAndABuildHaveOneRuleForWhatLooksLikeASecret(t *testing.T) {
	secret := map[string]string{
		"PGPASSWORD": "x", "dbPassword": "x", "SMTP_PASS": "x", "DB_PWD": "x", "GITHUB_CREDENTIALS": "x", "SIGNING_KEY": "x", "STRIPE_APIKEY": "x", "ENCRYPTION_KEYS": "x",
		"A": "ghp_0123456789abcdefghijABCDEF", "B": "sk_live_0123456789", "C": "AKIAIOSFODNN7EXAMPLE", "D": "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2ln",
		"E": "AGE-SECRET-KEY-1QQQ", "F": "-----BEGIN PRIVATE KEY-----", "DATABASE_URL": "postgres://a:hunter2@db/a", "TOKEN_URL": "https://a:b@host/", "authtoken": "x",
	}
	harmless := map[string]string{
		"MATRX_ADMIN_KEYS": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA ann", "POSTGRES_PASSWORD_FILE": "/run/secrets/db", "TOKEN_TTL": "1h", "MATRX_GIT_TOKEN_HOSTS": "github.com",
		"PASSWORD_MIN_LENGTH": "12", "AWS_ACCESS_KEY_ID": "", "API_TOKEN": "", "NEXT_PUBLIC_SUPABASE_ANON_KEY": "x", "URL": "https://host/x", "KEYBOARD": "qwerty", "_": "x",
	}
	for name, value := range secret {
		if !LooksSecret(name, value) || checkBuildArgs(map[string]string{name: value}) == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for name, value := range harmless {
		if err := checkBuildArgs(map[string]string{name: value}); err != nil || LooksSecret(name, value) {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
}
