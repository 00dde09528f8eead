package main

import (
	"context"
	"errors"
	"math/rand"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A log takes records; done is called with the offset once they are in it.
type wire interface {
	send(partition int, key, value []byte, ts int64, done func(int64, error))
	waiting() int
	flush(time.Duration)
}

type kafka struct {
	client *kgo.Client
	topic  string
}

func newKafka(brokers, topic string) (*kafka, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(brokers, ",")...),
		kgo.DefaultProduceTopic(topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(2*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RequestRetries(1<<30),
		kgo.RetryTimeout(time.Hour),
		kgo.RetryBackoffFn(func(int) time.Duration {
			return 100 * time.Millisecond
		}),
		kgo.MetadataMinAge(100*time.Millisecond),
	)

	return &kafka{client, topic}, err
}

func (k *kafka) send(partition int, key, value []byte, ts int64,
	done func(int64, error)) {

	k.client.Produce(context.Background(), &kgo.Record{Key: key, Value: value,
		Partition: int32(partition), Timestamp: time.UnixMilli(ts)},
		func(r *kgo.Record, err error) { done(r.Offset, err) })
}

func (k *kafka) waiting() int {
	return int(k.client.BufferedProduceRecords())
}

func (k *kafka) flush(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_ = k.client.Flush(ctx)
}

// notSent: what certainly is not in the log
func notSent(err error) bool {
	return errors.Is(err, kgo.ErrMaxBuffered) ||
		errors.Is(err, kerr.MessageTooLarge) ||
		errors.Is(err, kerr.InvalidRecord)
}

// The producer sends a dense sequence to each partition.
type producer struct {
	h    *hub
	w    wire
	rng  *rand.Rand
	rate int
	max  int // bytes of a record that is not too large
	wait sync.WaitGroup
	stop chan struct{}
}

const waitingMax = 5000 // records that a broker that is away may cost

func (p *producer) run() {
	defer p.wait.Done()

	start := time.Now()
	due := 0.0

	for {
		select {
		case <-p.stop:
			return
		case <-time.After(5 * time.Millisecond):
		}

		due += time.Since(start).Seconds() * float64(p.rate)
		start = time.Now()

		for ; due >= 1; due-- {
			if p.w.waiting() < waitingMax {
				p.one()
			}
		}
	}
}

func (p *producer) one() {
	number := p.rng.Intn(len(p.h.t.parts))
	part := p.h.t.parts[number]
	id := ident{partition: number, seq: part.next()}
	size := p.pick(&id)

	key, value, crc := makeRecord(p.h.t.run, id, size, p.rng)
	ts := time.Now().UnixMilli()

	part.sent(id.kind, crc, ts)

	p.w.send(number, key, value, ts, func(offset int64, err error) {
		if err == nil {
			part.acked(p.h.r, id.seq, offset, p.h.t.now())

		} else if notSent(err) {
			part.mu.Lock()
			part.at(id.seq).state = stateFailed
			part.mu.Unlock()
		}
	})
}

// pick chooses the kind and the size of the fill: mostly small.
func (p *producer) pick(id *ident) int {
	id.kind = "ttttttttbbbbjjjjjjen"[p.rng.Intn(20)]

	switch n := p.rng.Intn(10000); {
	case n < 10:
		id.kind = kindLarge
		return p.max + 1 + p.rng.Intn(1000)

	case n < 20:
		return p.max / 4 * (1 + p.rng.Intn(2))

	case n < 200:
		return p.rng.Intn(p.max / 10)

	case n < 4000:
		return p.rng.Intn(40)

	default:
		return p.rng.Intn(600)
	}
}
