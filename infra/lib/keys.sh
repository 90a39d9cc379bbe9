# shellcheck shell=bash
# The keys that may log in to the control planes of this stack.

local_key=$local_dir/ssh/id_ed25519

# ensure_keys makes the stack's own key, and fills admin_keys with it and with the user's public keys.
ensure_keys() {
	local file
	if [[ ! -e $local_key ]]; then
		mkdir -p "$(dirname "$local_key")"
		chmod 0700 "$(dirname "$local_key")"
		ssh-keygen -q -t ed25519 -N '' -C "operator@$project" -f "$local_key"
		say "made $local_key"
	fi
	ensure_user_key
	admin_keys=$(<"$local_key.pub")
	for file in "$HOME"/.ssh/*.pub; do
		[[ -r $file && $(head -n 1 "$file") =~ ^(ssh-|ecdsa-|sk-) ]] || continue
		admin_keys+=$'\n'$(head -n 1 "$file")
		say "may log in: $file"
	done
}

# ensure_user_key makes ~/.ssh/id_ed25519 for someone who has no key at all, so that plain `ssh` works. Nothing else in
# ~/.ssh is ever touched, and nothing there is removed again.
ensure_user_key() {
	compgen -G "$HOME/.ssh/id_*" >/dev/null || compgen -G "$HOME/.ssh/*.pub" >/dev/null && return 0
	mkdir -p "$HOME/.ssh"
	chmod 0700 "$HOME/.ssh"
	ssh-keygen -q -t ed25519 -N '' -C "$(id -un)@$(uname -n)" -f "$HOME/.ssh/id_ed25519"
	say "NOTE: you had no ssh key, so ~/.ssh/id_ed25519 was made for you, without a passphrase"
}
