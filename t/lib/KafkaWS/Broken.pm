package KafkaWS::Broken;

# Builds of the module that are broken in one place each, to show that the
# delivery checker finds what they do.
#
#	my $r = KafkaWS::Broken::find('resume-after', SEED, RUNS);
#	ok($r->{found}, $r->{text});
#
# The sources are copied once and built as the module is; then a build costs
# the compiler one file.

use warnings;
use strict;

use File::Path qw(make_path);

use KafkaWS::Nginx;
use KafkaWS::Process qw(root now);
use KafkaWS::Soak;

use constant SECONDS => 60;	# the longest hunt

my ($start, $gather, $gap, $ring, $older) = map { "$_.c" } qw(http/start_decide
	http/gather http/gather_gap lib/ring http/older);
my @small = (ring => '256k', max_record => 60_000);
my %reloads = (reload => 1);
my %kills = (helper_kill => 1);

# edits: file, text that occurs once in it, what stands there instead;
# with: options of KafkaWS::Soak that bring the place about
our @broken = (
	{ name => 'none', what => 'nothing is broken', edits => [],
		with => { @small, rate => 1000,
			faults => { reload => 2, helper_kill => 1 } } },
	{ name => 'copy-unchecked', what => 'no look at the tail after a copy',
		with => { only => 'slow,stop_go,latest', @small, faults => {} },
		edits => [[$ring,
		'if (ngx_kafka_ws_load_relaxed(&ring->head->tail) > seq) {',
			'if (0) {']] },
	{ name => 'tail-stands', what => 'old records count as held',
		with => { only => 'slow,stop_go,latest', @small, faults => {} },
		edits => [[$ring, 'if (slice->pos + ring->size >= ends[r]) {',
			'if (slice->pos + 8 * ring->size >= ends[r]) {']] },
	{ name => 'resume-after', what => 'a cursor resumes one record late',
		with => { only => 'resume', faults => {} },
	edits => [[$start, 'ngx_kafka_ws_ring_seek_offset(ring, offset);',
			'ngx_kafka_ws_ring_seek_offset(ring, offset + 1);']] },
	{ name => 'resume-before', what => 'a cursor resumes one record early',
		with => { only => 'resume', faults => {} },
	edits => [[$start, 'ngx_kafka_ws_ring_seek_offset(ring, offset);',
			'ngx_kafka_ws_ring_seek_offset(ring, offset - 1);']] },
	{ name => 'resume-head', what => 'a cursor resumes at the newest',
		with => { only => 'resume', faults => {} },
		edits => [[$start,
		'd->place.seq = ngx_kafka_ws_ring_seek_offset(ring, offset);',
			'd->place.seq = ngx_kafka_ws_ring_head(ring);']] },
	{ name => 'reset-latest', what => 'an old cursor is a new client',
		with => { only => 'resume', @small, rate => 2000, faults => {},
			backfill => 0 },
		edits => [[$start, "    d->state = NGX_KAFKA_WS_STATE_GAP;\n"
			. '    d->from = from;',
			'd->state = NGX_KAFKA_WS_STATE_RESUMED;'
			. ' d->from = from;']] },
	{ name => 'join-late',
		what => 'from Kafka to the ring, one is left out',
		with => { only => 'fresh', @small, rate => 1000, faults => {} },
		edits => [[$older, 'place->seq = seq;',
			'place->seq = seq + 1;']] },
	{ name => 'join-early',
		what => 'from Kafka to the ring, one comes twice',
		with => { only => 'fresh', @small, rate => 1000, faults => {} },
		edits => [[$older, 'place->seq = seq;',
			'place->seq = seq - 1;']] },
	{ name => 'gap-silent', what => 'no gap event for a slow client',
		with => { only => 'slow,stop_go,latest', @small, faults => {} },
		edits => [[$gap, 'if (next.seq <= place->seq) {',
			'if (next.seq > place->seq) { *place = next; }'
			. ' if (next.seq <= place->seq) {']] },
	{ name => 'gap-short', what => 'a gap event ends too early',
		with => { only => 'slow,stop_go,latest', @small, faults => {} },
		edits => [[$gap, 'from, next->offset - 1, reason);',
			'from, from, reason);']] },
	{ name => 'part-sent', what => 'a half sent span counts one too many',
		with => { only => 'slow,stop_go,latest', faults => {} },
		edits => [[$gather, 'place->seq += done - mark->first;',
			'place->seq += done - mark->first + 1;']] },
	{ name => 'part-again', what => 'a half sent span counts one too few',
		with => { only => 'slow,stop_go,latest', faults => {} },
		edits => [[$gather, 'place->seq += done - mark->first;',
			'place->seq += done - mark->first - 1;']] },
	{ name => 'large-silent', what => 'no gap event for too large a record',
		with => { only => 'fast', faults => {} },
		edits => [['kafka/ingest.c',
			"ngx_kafka_ws_ingest_gap(ing, part, rec->offset, "
			. "rec->offset,\n                                "
			. "NGX_KAFKA_WS_RING_TOO_LARGE);",
			'part->next = rec->offset + 1;']] },
	{ name => 'drain-silent', what => 'a Close without the cursor',
		with => { only => 'fast', faults => \%reloads },
		edits => [['http/worker.c',
		'ngx_kafka_ws_subscriber_close(kws, code, cursor, len);',
		'ngx_kafka_ws_subscriber_close(kws, code, cursor, 0);']] },
	{ name => 'drain-code', what => 'a reload looks like a stop',
		with => { only => 'fast', faults => \%reloads },
		edits => [['http/worker_drain.c',
			'kww->drain_code = NGX_KAFKA_WS_CLOSE_RESTART;',
			'kww->drain_code = NGX_KAFKA_WS_CLOSE_GOING_AWAY;']] },
	{ name => 'fence', what => 'two writers at a time',
		with => { only => 'fast', rate => 2000,
			faults => { reload => 3, helper_stop => 1 } },
		edits => [['core/shm.c', 'F_SETLK, root->lock',
			'F_GETLK, root->lock'],
			['kafka/ingest.c',
			'if (ngx_kafka_ws_load_relaxed(&root->epoch) != '
			. 'ing->epoch) {', 'if (0) {']] },
	{ name => 'take-over-again', what => 'a new helper repeats a record',
		with => { only => 'fast', faults => \%kills },
		edits => [['kafka/ingest_rings.c',
		'part->next = ngx_kafka_ws_ring_next_offset(&part->ring);',
		'part->next = ngx_kafka_ws_ring_next_offset(&part->ring);'
			. ' part->next -= (part->next > 0);']] },
	{ name => 'take-over-skips',
		what => 'a new helper leaves a record out',
		with => { only => 'fast', faults => \%kills },
		edits => [['kafka/ingest_rings.c',
		'part->next = ngx_kafka_ws_ring_next_offset(&part->ring);',
		'part->next = ngx_kafka_ws_ring_next_offset(&part->ring);'
			. ' part->next += (part->next > 0);']] },
	{ name => 'wake-lost', what => 'workers are not woken',
		with => { only => 'fast', faults => {}, promptly => 1 },
		edits => [['core/wakeup.c',
			'(void) !write(ngx_kafka_ws_wakeup_fds[i], &one, '
			. 'sizeof(one));', '(void) one;']] },
	{ name => 'mark-lost', what => 'workers are not told of what is new',
		with => { only => 'fast', faults => {}, promptly => 1 },
		edits => [['core/wakeup.c',
			'if (bits & ~ngx_kafka_ws_load_relaxed('
			. '&slot->unread[i])) {', 'if (0) {']] },
	{ name => 'partitions', what => 'lists of one length are the same',
		with => { only => 'fast', faults => {} },
		edits => [['http/route.c',
			'key->nranges * sizeof(ngx_kafka_ws_range_t)) != 0)',
			'0) != 0)']] },
	{ name => 'ping-kept', what => 'nobody is given up on',
		with => { only => 'half_open', faults => {} },
		edits => [['http/subscriber.c',
			'>= (ngx_msec_int_t) conf->ping_timeout)',
			'>= (ngx_msec_int_t) conf->ping_timeout + 60000)']] },
	{ name => 'tail-start', what => 'tail=n gives less',
		with => { only => 'fresh', faults => {} },
		edits => [[$start, 'seq -= start->tail;',
			'seq -= start->tail / 2;']] },
);

my %by_name = map { $_->{name} => $_ } @broken;

sub names { return map { $_->{name} } @broken }
sub what { return $by_name{ $_[0] }{what} }

sub tree { return root() . '/objs-release/broken' }

# returns: those whose text is not there just once, as it has to be
sub stale {
	my @stale;

	for my $b (@broken) {
		for my $edit (@{ $b->{edits} }) {
			my ($file, $from) = @$edit;
			my $text = KafkaWS::Nginx::read_file(source(root(),
				$file));
			my $count = () = $text =~ /\Q$from\E/g;

			push @stale, "$b->{name}: $count times in $file"
				if $count != 1;
		}
	}

	return @stale;
}

sub source {
	my ($tree, $file) = @_;

	return "$tree/ngx_kafka_ws_module/" . $file =~ s{/}{/ngx_kafka_ws_}r;
}

# returns: the folder with this build
sub build {
	my ($name) = @_;
	my $b = $by_name{$name} or die "no build \"$name\"\n";
	my $tree = tree();
	my $root = root();

	make_path("$tree/t");
	command('cp', '-pru', (map { "$root/$_" } 'ngx_kafka_ws_module',
		'config', 'Makefile', 'CHANGES'), $tree);
	command('cp', '-pru', (map { "$root/t/$_" } 'build', 'deps'),
		"$tree/t");

	my %text;

	for my $edit (@{ $b->{edits} }) {
		my ($file, $from, $to) = @$edit;

		$file = source($tree, $file);

		my $old = KafkaWS::Nginx::read_file($file);

		$text{$file} //= $old;
		write_file($file, substr_once($old, $from, $to));
	}

	my $ok = eval { command('make', '-s', '-C', $tree, 'BUILD=release',
		'build'); 1 };
	my $why = $@;

	make_path("$tree/$name");
	command('cp', "$tree/objs-release/ngx_kafka_ws_module.so",
		"$tree/$name/") if $ok;

	# what was touched is compiled anew
	write_file($_, $text{$_}) for keys %text;

	die $why unless $ok;

	return "$tree/$name";
}

sub substr_once {
	my ($text, $from, $to) = @_;

	substr $text, index($text, $from), length $from, $to;

	return $text;
}

sub write_file {
	my ($file, $text) = @_;

	open my $f, '>', $file or die "$file: $!\n";
	print $f $text;
	close $f or die "$file: $!\n";
}

sub command {
	my (@command) = @_;
	my $log = tree() . '/log';

	open my $out, '>', $log or die "$log: $!\n";

	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		# make's own settings are those of another tree
		delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL TEST_NGINX_MODULES)};
		open STDOUT, '>&', $out;
		open STDERR, '>&', $out;
		exec @command or POSIX::_exit(127);
	}

	waitpid $pid, 0;
	die "@command:\n" . KafkaWS::Nginx::read_file($log) if $?;
}

# Builds it, and runs the checker so many times, each with another seed, or
# until something is found; once where nothing is to be found.
# returns: as hunt, and text, which says it
sub find {
	my ($name, $seed, $runs) = @_;
	my $dir = build($name);
	my $r;

	for my $run (1 .. ($name eq 'none' ? 1 : $runs)) {
		$r = hunt($name, $dir, $seed + $run);
		$r->{text} = $r->{failed} ? "no run: $r->{failed}"
			: sprintf '%s, %s after %.0f s in run %d: %s',
			what($name), $r->{found} ? 'found' : 'nothing found',
			$r->{seconds}, $run, $r->{found};
		last if $r->{found};
	}

	$r->{text} =~ s/\n.*//s;

	return $r;
}

# Runs the checker on a build until it finds something.
# returns: { seconds, found }, found is empty if nothing was; { failed }
sub hunt {
	my ($name, $dir, $seed, %more) = @_;
	my $s = KafkaWS::Soak->new(seconds => SECONDS, seed => $seed,
		clients => 60, pause => 2, warm => 2, module_dir => $dir,
		until_fault => 1, %{ $by_name{$name}{with} }, %more);

	$s->start();

	my $why = eval { $s->run(); 1 } ? '' : $@;
	my $found = $s->{report} ? $s->found() : '';

	$s->{nginx}->stop('TERM');
	$s->{broker}->stop();

	# what fails for another reason is not found
	return { failed => $why } if $why;
	return { seconds => $s->{found_after}, found => $found,
		words => $s->words() };
}

1;
