#!/bin/sh
# Fetches a MySQL server into a folder of its own and prints that folder. It is
# the second engine of the tests; the system's own packages are not touched.
#
# The newest Debian has the newest MySQL, and with it every library down to the
# C library, so it runs on older systems too: through the folder's own loader.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/duly
folder=$cache/mysql

works() { "$1/mysqld" --no-defaults --version >/dev/null 2>&1; }

if works "$folder"; then
	printf '%s\n' "$folder"
	exit 0
fi
if ! have apt-get || ! have dpkg-deb; then
	fail "needs apt-get and dpkg-deb: this engine is tested on Debian and its relatives"
fi

mkdir -p "$cache"
new=$(mktemp -d "$cache/mysql.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM

# A configuration of apt's own: how the system reaches its mirrors is kept,
# everything else (sources, lists, what is installed, hooks) is not.
apt=$new/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
: >"$apt/status"
{
	apt-config dump | grep '^Acquire::' || true
	cat <<-CONF
		Acquire::Retries "3";
		Acquire::Languages "none";
		APT::Install-Recommends "false";
		APT::Sandbox::User "$(id -un)";
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "/dev/null";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State "$apt";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt";
		Dir::Cache::archives "$apt/archives";
		Dir::Log "$apt";
	CONF
} >"$apt/apt.conf"

# The mirrors are those that the system itself uses.
# shellcheck disable=SC2016 # apt-get fills in the name
mirrors=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/\?$' | sort -u)
[ -n "$mirrors" ] || fail "this system's apt has no Debian mirror to fetch MySQL from"

export APT_CONFIG="$apt/apt.conf" DEBIAN_FRONTEND=noninteractive
fetched=
for mirror in $mirrors; do
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s sid main\n' "$mirror" >"$apt/sources.list"
	say "fetching MySQL's server program"
	if quietly apt-get -qq update && quietly apt-get -qq -y --download-only install mysql-server-core; then
		fetched=yes
		break
	fi
done
[ -n "$fetched" ] || fail "no mirror of this system's apt has the package mysql-server-core in its suite sid"

mkdir "$new/root"
for package in "$apt"/archives/*.deb; do
	dpkg-deb -x "$package" "$new/root"
done
rm -rf "$apt"

loader=$(cd "$new/root" && find . -name 'ld-linux*.so.*' | head -n 1)
[ -n "$loader" ] || fail "the packages hold no loader"
libraries=$(cd "$new/root" && find ./usr/lib ./lib -name 'lib*.so*' 2>/dev/null | sed 's|/[^/]*$||' | sort -u)

# The shell replaces itself, so that the server has the process id that was started.
cat >"$new/mysqld" <<WRAPPER
#!/bin/sh
# Runs the MySQL server of this folder. The first argument must be --no-defaults.
root=\$(CDPATH='' cd -- "\$(dirname -- "\$0")/root" && pwd)
first=\$1
shift
libraries=
for folder in $(printf '%s' "$libraries" | tr '\n' ' '); do
	libraries=\${libraries:+\$libraries:}\$root/\$folder
done
exec "\$root/$loader" --library-path "\$libraries" "\$root/usr/sbin/mysqld" "\$first" --basedir="\$root/usr" "\$@"
WRAPPER
chmod +x "$new/mysqld"
"$new/mysqld" --no-defaults --version >&2 || fail "the MySQL that was fetched does not run here"

rm -rf "$folder"
mv "$new" "$folder"
printf '%s\n' "$folder"
