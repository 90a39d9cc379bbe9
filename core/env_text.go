package core

// ParseEnvFile reads the text of a .env file.
func ParseEnvFile(text string) (map[string]string, error) { return parseEnvFile(text) }

// RenderEnvFile writes values as a .env file that ParseEnvFile and docker compose read.
func RenderEnvFile(values map[string]string) []byte { return renderEnvFile(values) }
