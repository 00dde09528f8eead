package KafkaWS::Nginx;

# An nginx for one test, shaped like nginx-tests' Test::Nginx.
#
#	my $t = KafkaWS::Nginx->new(broker => $b)->plan(3);
#	$t->write_file_expand('nginx.conf', <<'EOT')->run();
#	%%MODULE%%
#	%%GLOBALS%%
#	events { }
#	http {
#	    %%GLOBALS_HTTP%%
#	    kafka_ws_cluster c { brokers %%BROKERS%%; ... }
#	    server { listen 127.0.0.1:%%PORT_0%%; ... }
#	}
#	EOT
#
# %%ECHO%% loads the location kafka_ws_echo, alone or beside the module.
#
# Every plan gains three checks: no alert in any error log, no sanitizer
# report, no process left.  Environment: TEST_NGINX_BINARY, TEST_NGINX_WRAPPER
# (a program that runs it), TEST_NGINX_MODULES (folder of the module),
# TEST_NGINX_LEAVE, TEST_NGINX_CATLOG, TEST_NGINX_GLOBALS,
# TEST_NGINX_LOG_LEVEL.
#
# A wrapper is called with nginx's whole command line and must end up as the
# same process.  It finds the test's folder in TEST_NGINX_DIR.  There it puts
# what it has to report into files sanitizer.*, any line of which fails the
# test, and, if it hides the titles of processes, each title in title.PID.

use warnings;
use strict;

use base qw(Exporter);

use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Test::More ();

use KafkaWS::Pace qw(within);
use KafkaWS::Ports;
use KafkaWS::Process qw(wait_for now root);
use KafkaWS::Reports;
use KafkaWS::Response;

our @EXPORT_OK = qw(wait_for now);

use constant {
	START_TIMEOUT => 30,
	STOP_TIMEOUT => 30,
	CHECKS => 3,
};

my @instances;
my $planned;
my $owner = $$;

# broker: a KafkaWS::Broker, or a list host:port[,...] for %%BROKERS%%;
# preload: a library to put before those of nginx; env: more environment
sub new {
	my ($class, %o) = @_;
	my $self = bless { ports => {}, allowed => [], sessions => [], %o },
		$class;

	$self->{dir} = tempdir('kafka-ws-test-XXXXXX', TMPDIR => 1);

	# workers of a root master run as another user
	chmod 0777, $self->{dir};

	push @instances, $self;

	return $self;
}

# count: what the test itself checks
sub plan {
	my ($self, $count) = @_;

	$planned = $count;
	Test::More::plan(tests => $count + CHECKS);

	return $self;
}

# for tests that count as they go
sub done_testing {
	my ($self) = @_;

	$planned = undef;
	checks();
	Test::More::done_testing();
}

END {
	if ($$ == $owner) {
		my $code = $?;

		checks() if defined $planned;
		$_->cleanup() for @instances;
		$? = $code;
	}
}

sub testdir { return $_[0]->{dir} }

sub port {
	my ($self, $name) = @_;

	return $self->{ports}{ $name // 0 } //= KafkaWS::Ports::reserve();
}

# an error-log line that matches is no alert of this test
sub allow_alert {
	my ($self, @patterns) = @_;

	push @{ $self->{allowed} }, @patterns;

	return $self;
}

sub module_dir {
	return abs_path($ENV{TEST_NGINX_MODULES} // root() . '/objs-release');
}

sub module_file {
	my ($part) = (@_, '');

	return module_dir() . "/ngx_kafka_ws_${part}module.so";
}

sub has_module { return -f module_file() }

sub write_file {
	my ($self, $name, $content) = @_;

	open my $f, '>', "$self->{dir}/$name" or die "$name: $!\n";
	binmode $f;
	print $f $content;
	close $f or die "$name: $!\n";

	return $self;
}

sub write_file_expand {
	my ($self, $name, $content) = @_;

	return $self->write_file($name, $self->expand($content));
}

sub expand {
	my ($self, $text) = @_;
	my $dir = $self->{dir};
	my $level = $ENV{TEST_NGINX_LOG_LEVEL} // 'info';
	my $globals = $ENV{TEST_NGINX_GLOBALS} // '';
	my $brokers = ref $self->{broker} ? $self->{broker}->bootstrap
		: $self->{broker} // '127.0.0.1:1';
	my $temp = join ' ', map { "${_}_temp_path $dir/${_}_temp;" }
		qw(client_body proxy fastcgi uwsgi scgi);

	$brokers =~ tr/,/ /;

	$text =~ s/%%MODULE%%/'load_module ' . module_file() . ';'/ge;
	$text =~ s/%%ECHO%%/'load_module ' . module_file('echo_') . ';'/ge;
	$text =~ s/%%GLOBALS%%/"daemon off; pid $dir\/nginx.pid; "
		. "error_log $dir\/error.log $level; $globals"/ge;
	$text =~ s/%%GLOBALS_HTTP%%/"root $dir; "
		. "access_log $dir\/access.log; $temp"/ge;
	$text =~ s/%%TESTDIR%%/$dir/g;
	$text =~ s/%%BROKERS%%/$brokers/g;
	$text =~ s/%%PORT_(\w+)%%/$self->port($1)/ge;

	# valgrind keeps the last descriptors for itself, so that nobody can
	# set the limit
	$text =~ s/^worker_rlimit_nofile .*\n//mg
		if ($ENV{TEST_INSTRUMENTED} // '') eq 'valgrind';

	return $text;
}

sub binary { return $ENV{TEST_NGINX_BINARY} // '/usr/sbin/nginx' }

# and what runs it
sub program { return (split(' ', $ENV{TEST_NGINX_WRAPPER} // ''), binary()) }

sub command {
	my ($self, @more) = @_;
	my $dir = $self->{dir};

	return (program(), '-p', "$dir/", '-c', "$dir/nginx.conf",
		'-e', "$dir/error.log", @more);
}

# A module built with sanitizers needs their libraries in a stock nginx.
sub environment {
	my ($self) = @_;
	my %env = (
		%{ $self->{env} // {} },
		TEST_NGINX_DIR => $self->{dir},
		# a module's tables have the names of nginx's own
		ASAN_OPTIONS => 'detect_leaks=0:abort_on_error=1:'
			. 'detect_odr_violation=0:'
			. "log_path=$self->{dir}/sanitizer",
		UBSAN_OPTIONS => 'print_stacktrace=1:halt_on_error=0:'
			. "log_path=$self->{dir}/sanitizer",
	);

	my @preload = $self->{preload} // ();
	my $asan = module_dir() =~ /asan/;

	return \%env unless @preload || $asan;

	# those of the sanitizers come first
	unshift @preload, grep { m{^/} && -e } map { chomp; $_ }
		map { `gcc -print-file-name=$_` } qw(libasan.so libubsan.so)
		if $asan && (@preload
		|| `ldd '@{[ binary() ]}' 2>/dev/null` !~ /libasan/);

	$env{LD_PRELOAD} = join ' ', @preload if @preload;

	return \%env;
}

# Starts nginx; returns once it listens and its processes are up.
sub run {
	my ($self) = @_;
	my $dir = $self->{dir};

	die "nginx runs already\n" if $self->{master};
	unlink "$dir/nginx.pid";

	my $p = $self->{master} = KafkaWS::Process->start(
		command => [$self->command()], log => "$dir/stderr.log",
		env => $self->environment(), death => 'TERM');

	push @{ $self->{sessions} }, $p->pid;

	wait_for(START_TIMEOUT, sub { !$p->alive || -s "$dir/nginx.pid" });

	die "nginx does not start:\n" . $self->log()
		. read_file("$dir/stderr.log")
		if !$p->alive || !-s "$dir/nginx.pid";

	$self->waitforprocesses() if $self->forks();

	return $self;
}

# with "master_process off" there are no other processes
sub forks {
	my ($self) = @_;

	return read_file("$self->{dir}/nginx.conf")
		!~ /^\s*master_process\s+off/m;
}

sub waitforprocesses {
	my ($self) = @_;
	my $workers = $self->workers();

	wait_for(START_TIMEOUT, sub { $self->worker_pids() >= $workers })
		or die "not all worker processes\n" . $self->log();
}

# how many the configuration asks for; a test may have broken it
sub workers {
	my ($self) = @_;

	return read_file("$self->{dir}/nginx.conf")
		=~ /^\s*worker_processes\s+(\d+)/m ? $1 : 1;
}

sub signal {
	my ($self, $name) = @_;

	kill $name, $self->{master}->pid;

	return $self;
}

# signal: QUIT (the default, in order), or TERM
# returns: true when that was enough
sub stop {
	my ($self, $signal) = @_;
	my $p = delete $self->{master} or return 1;

	return 1 unless $p->alive;

	# a second and a half after TERM nginx kills those who are still there
	$self->allow_alert(qr/process \d+ exited on signal 9$/)
		if $ENV{TEST_INSTRUMENTED} && ($signal // '') eq 'TERM';

	kill $signal // 'QUIT', $p->pid;
	return 1 if $p->wait(STOP_TIMEOUT);

	push @{ $self->{late} }, map { $self->describe($_) } $p->pid,
		children($p->pid);
	$p->stop('KILL');

	return 0;
}

sub describe {
	my ($self, $pid) = @_;
	my $title = read_file("$self->{dir}/title.$pid")
		|| read_file("/proc/$pid/cmdline");

	return "$pid $title, in " . read_file("/proc/$pid/wchan");
}

# Signals HUP; returns once new workers run and the old ones were told to
# leave (they may still be there, "shutting down").
sub reload {
	my ($self) = @_;
	my %old = map { $_ => 1 } $self->worker_pids();
	my $workers = $self->workers();

	$self->signal('HUP');

	wait_for(START_TIMEOUT, sub {
		my @now = $self->worker_pids();

		return @now >= $workers && !grep { $old{$_} } @now;
	}) or die "no new workers:\n" . $self->log();

	return $self;
}

# pids of workers that are not shutting down
sub worker_pids {
	my ($self) = @_;

	my @pids = $self->pids(qr/^nginx: worker process\s*$/);

	return @pids;
}

sub old_worker_pids {
	my ($self) = @_;

	return $self->pids(qr/^nginx: worker process is shutting down/);
}

# the process that holds the consumer: neither master, worker nor loader
sub helper_pid {
	my ($self) = @_;
	my @pids = $self->pids(
		qr/^nginx: (?!master|worker|cache loader)(?!.*shutting down)/);

	# on a reload the old one may still be there
	return $pids[-1];
}

sub master_pid { return $_[0]->{master}->pid }

# children of the master whose title matches, in the order of their starts
sub pids {
	my ($self, $title) = @_;
	my $master = $self->{master} or return;
	my %at;

	for my $pid (children($master->pid)) {
		my $line = read_file("$self->{dir}/title.$pid")
			|| read_file("/proc/$pid/cmdline");

		$line =~ tr/\0/ /;
		$at{$pid} = (split ' ', read_file("/proc/$pid/stat"))[21] // 0
			if $line =~ $title;
	}

	my @pids = sort { $at{$a} <=> $at{$b} || $a <=> $b } keys %at;

	return @pids;
}

# "nginx -t" of this text, or of nginx.conf; the log of the running nginx is
# left alone.  returns: (exit code, what it printed)
sub conf_test {
	my ($self, $conf) = @_;
	my $dir = $self->{dir};
	my $out = "$dir/conf_test.out";

	$conf = defined $conf ? $self->expand($conf)
		: read_file("$dir/nginx.conf");
	$conf =~ s{\Q$dir\E/error\.log}{$dir/conf_test.log}g;

	$self->write_file('conf_test.conf', $conf);
	unlink $out;

	my $p = KafkaWS::Process->start(log => $out,
		env => $self->environment(), command => [program(), '-t',
			'-p', "$dir/", '-c', "$dir/conf_test.conf",
			'-e', "$dir/conf_test.log"]);

	$p->wait(START_TIMEOUT) or die "nginx -t hangs\n";

	return ($p->status >> 8 || $p->status & 127, read_file($out));
}

sub log { return read_file("$_[0]->{dir}/error.log") }

sub read_testfile { return read_file("$_[0]->{dir}/$_[1]") }

# returns: true when a line of the error log matches in time
sub wait_log {
	my ($self, $pattern, $seconds) = @_;

	return wait_for($seconds // 10, sub { $self->log() =~ $pattern });
}

# opt: port, method, headers => [name, value, ...], body, raw => whole
# request, timeout; returns: a KafkaWS::Response
sub http_get {
	my ($self, $uri, %o) = @_;
	my @headers = @{ $o{headers} // [] };
	my $request = ($o{method} // 'GET') . " $uri HTTP/1.1\x0d\x0a"
		. "Host: localhost\x0d\x0aConnection: close\x0d\x0a";

	while (my ($name, $value) = splice @headers, 0, 2) {
		$request .= "$name: $value\x0d\x0a";
	}

	$request .= "\x0d\x0a" . ($o{body} // '');

	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $o{port} // $self->port(0))
		or die "connect: $!\n";

	syswrite $s, $o{raw} // $request;

	my $deadline = now() + within($o{timeout} // 30);
	my $select = IO::Select->new($s);
	my $buf = '';

	while (1) {
		my $left = $deadline - now();

		die "no whole answer to $uri:\n$buf\n"
			if $left <= 0 || !$select->can_read($left);
		last unless sysread $s, $buf, 65536, length $buf;
	}

	return KafkaWS::Response->parse($buf);
}

# the status page in JSON
sub status {
	my ($self, $uri) = @_;
	my $r = $self->http_get($uri // '/kafka_ws_status',
		headers => ['Accept', 'application/json']);

	die "status page: " . $r->status . "\n" unless $r->status == 200;

	return JSON::PP::decode_json($r->body);
}

# how many established connections to a port of ours end in a process
sub connections_of {
	my ($self, $pid, $name) = @_;

	return ($self->connections([$pid], $name))[0];
}

# the same of many, from one look at the kernel's list, which may be long
sub connections {
	my ($self, $pids, $name) = @_;
	my $port = sprintf ':%04X', $self->port($name);
	my %count = map { $_ => 0 } @$pids;
	my %owner;

	for my $pid (@$pids) {
		$owner{$_} = $pid for map { /^socket:\[(\d+)\]/ }
			map { readlink($_) // '' } glob "/proc/$pid/fd/*";
	}

	for my $line (split /\n/, read_file('/proc/net/tcp')) {
		next unless $line =~ /^ *\d+: \w+$port \S+ 01 /;

		my $pid = $owner{ (split ' ', $line)[9] };

		$count{$pid}++ if $pid;
	}

	return @count{@$pids};
}

# how many bytes of its own a process holds
sub private_bytes {
	my ($self, $pid) = @_;
	my $sum = 0;

	$sum += $_ for read_file("/proc/$pid/smaps_rollup")
		=~ /^Private_(?:Clean|Dirty):\s+(\d+) kB/mg;

	return $sum * 1024;
}

# the three checks, over all nginx instances of the test
sub checks {
	$_->stop() for @instances;

	my @left = wait_for(5, sub { !map { $_->left_over() } @instances })
		? () : map { $_->left_over() } @instances;

	my @alerts = map { $_->alerts() } @instances;
	my @reports = map { $_->sanitizer_reports() } @instances;

	push @left, map { "$_ (ended by SIGKILL)" }
		map { @{ $_->{late} // [] } } @instances;

	verdict('no alerts', @alerts);
	verdict('no sanitizer reports', @reports);
	verdict('no process left', @left);

	$planned = undef;
}

sub verdict {
	my ($name, @found) = @_;

	splice @found, 50 if @found > 50;
	Test::More::ok(!@found, $name) or Test::More::diag(join "\n", @found);
}

sub alerts {
	my ($self) = @_;
	my @lines = grep { /\[(?:alert|emerg|crit)\]/ } split /\n/,
		$self->log();

	for my $pattern (@{ $self->{allowed} }) {
		@lines = grep { $_ !~ $pattern } @lines;
	}

	return @lines;
}

sub sanitizer_reports { return KafkaWS::Reports::of($_[0]->{dir}) }

# processes of the sessions that our masters opened
sub left_over {
	my ($self) = @_;
	my %ours = map { $_ => 1 } @{ $self->{sessions} };
	my @left;

	for my $pid (map { m{(\d+)$} } glob '/proc/[0-9]*') {
		my $stat = read_file("/proc/$pid/stat");

		# after the name: state, parent, group, session
		next unless $stat =~ /\) (\S) \d+ \d+ (\d+) /;
		push @left, "process $pid" if $ours{$2} && $1 ne 'Z';
	}

	return @left;
}

sub cleanup {
	my ($self) = @_;

	$self->stop('TERM') if $self->{master};

	for my $pid (map { /(\d+)/ } $self->left_over()) {
		kill 'KILL', $pid;
	}

	Test::More::diag("error.log:\n" . $self->log())
		if $ENV{TEST_NGINX_CATLOG};

	if ($ENV{TEST_NGINX_LEAVE}) {
		Test::More::diag("left: $self->{dir}");
		return;
	}

	remove_tree($self->{dir});
}

sub children {
	my ($parent) = @_;
	my @pids;

	for my $pid (map { m{(\d+)$} } glob '/proc/[0-9]*') {
		push @pids, $pid if read_file("/proc/$pid/stat")
			=~ /\) [^Z] $parent /;
	}

	return @pids;
}

sub read_file {
	my ($file) = @_;

	open my $f, '<', $file or return '';
	binmode $f;
	local $/;

	return <$f> // '';
}

1;
